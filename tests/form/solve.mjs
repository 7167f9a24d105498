// Gets a challenge from the URL of the first argument and solves it. With a second one, the secret: whether it is ours by the library's
// judgement, and a solution of a challenge that the library has made. One line of JSON.
import { createRequire } from "node:module";
const { createChallenge, solveChallenge, verifySolution } = createRequire(process.cwd() + "/node/")("altcha-lib/v1");

const [url, hmacKey] = process.argv.slice(2);
async function solution({ algorithm, challenge, maxnumber, salt, signature }) {
  const { number, took } = await solveChallenge(challenge, salt, algorithm, maxnumber).promise;
  return btoa(JSON.stringify({ algorithm, challenge, number, salt, signature, took }));
}
const ours = await solution(await (await fetch(url)).json());
const said = { ours };
if (hmacKey) {
  said.verified = await verifySolution(ours, hmacKey);
  const expires = new Date(Date.now() + 600_000);
  said.theirs = await solution(await createChallenge({ hmacKey, maxnumber: 1000, expires }));
  said.stale = await solution(await createChallenge({ hmacKey, maxnumber: 1000, expires: new Date(Date.now() - 5_000) }));
  said.endless = await solution(await createChallenge({ hmacKey, maxnumber: 1000 }));
}
console.log(JSON.stringify(said));
