// The suites that need real programs; one file at a time, because each starts a trust domain of its own. Which files: arguments.
export default {
  files: ['build/test/{conformance,scenario,parts}/**/*.test.js'],
  timeout: '5m',
  workerThreads: false,
  concurrency: 1,
};
