// What the number of an event means.

/** An agent looks what is due. */
export const WAKE = 0;
/** A message reaches its replica. */
export const ARRIVE = 1;
/** A replica has issued a message. */
export const SERVED = 2;
/** A call to the key manager ends; the number is a place. */
export const SIGNED = 3;
/** An answer reaches its agent. */
export const ANSWER = 4;
/** A trust state reaches an agent. */
export const TRUST = 5;
/** An agent tries to connect. */
export const CONNECT = 6;
/** An agent is restarted, or started. */
export const RESTART = 7;
/** A second has passed. */
export const SECOND = 8;
/** A step of the rotation is committed; the number is its index. */
export const STEP = 9;
/** A failure begins or ends; the number is an index of the script. */
export const SCRIPT = 10;
/** A workload asks that is none of the fleet's identities. */
export const PASS_BY = 11;
