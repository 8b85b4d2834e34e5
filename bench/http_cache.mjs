// Runs the public suite http-cache-tests against a cache: node http_cache_tests.mjs PACKAGE_FOLDER BASE_URL [ID...]
// Prints, as JSON, of each test its kind (required, optional, check) and true or why it failed.
//
// The suite's own command waits for ever where one answer never comes, and gives up where the cache falls over:
// here each test has its time, and those that the fall of another may have taken along are tried again alone.

import { pathToFileURL } from 'node:url'
import { join, resolve } from 'node:path'

const TEST_MS = 15000
const AT_ONCE = 25
const FEW = 5
const LOST = ['FetchError', 'Timeout']

const [folder, base, ...ids] = process.argv.slice(2)
const load = (name) => import(pathToFileURL(join(resolve(folder), name)).href)
const tests = (await load('tests/index.mjs')).default.flatMap((suite) => suite.tests)
  .filter((test) => !test.browser_only && (!ids.length || ids.includes(test.id)))
const { makeCacheTest, testResults } = await load('client/test.mjs')
const config = await load('client/config.mjs')
config.setFetch((await import(pathToFileURL(join(resolve(folder), '../node-fetch/lib/index.mjs')).href)).default)
config.setBaseUrl(base)
config.setUseBrowserCache(false)

const pause = (ms) => new Promise((done) => setTimeout(done, ms))
const results = {}

async function run (test) {
  delete testResults[test.id]
  const late = pause(TEST_MS).then(() => 'late')
  const found = await Promise.race([makeCacheTest(test).then(() => testResults[test.id]), late])
  results[test.id] = found === 'late' ? ['Timeout', 'no answer in time'] : found
}

for (let at = 0; at < tests.length; at += AT_ONCE) {
  await Promise.all(tests.slice(at, at + AT_ONCE).map(run))
}
for (const test of tests.filter((one) => LOST.includes(results[one.id]?.[0]))) {
  await pause(500)
  await run(test)
}
// On a machine with much else to do a test may fail that passes alone: each has a second try, for all caches alike.
const failed = tests.filter((one) => results[one.id] !== true)
for (let at = 0; at < failed.length; at += FEW) {
  await Promise.all(failed.slice(at, at + FEW).map(run))
}
const told = tests.map((test) => [test.id, { kind: test.kind ?? 'required', result: results[test.id] }])
process.stdout.write(JSON.stringify(Object.fromEntries(told), null, 1) + '\n', () => process.exit(0))
