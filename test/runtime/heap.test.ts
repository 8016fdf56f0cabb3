import test from 'ava';
import fc from 'fast-check';
import { Heap } from '../../src/runtime/heap.js';

test('whatever is added and taken in between, the first of what is there is taken', (t) => {
  const steps = fc.array(fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constant('take' as const)), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (all) => {
      const heap = new Heap<number>((a, b) => a - b);
      let plain: number[] = [];
      for (const step of all) {
        if (step === 'take') {
          const [least, ...others] = plain.sort((a, b) => a - b);
          if (heap.first !== least || heap.take() !== least) return false;
          plain = others;
        } else {
          heap.add(step);
          plain.push(step);
        }
        if (heap.size !== plain.length) return false;
      }
      return true;
    }),
  );
  t.pass();
});
