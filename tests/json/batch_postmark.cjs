// Two batches by Postmark's SDK for Node: both good, and one of two not allowed.
const { ServerClient } = require("postmark");
const [, , base, key] = process.argv;
const mail = (To) => ({ From: "f@example.test", To, Subject: "batch", TextBody: `to ${To}` });
const batches = [
  [mail("a@example.test"), mail("b@example.test")],
  [mail("a@example.test"), mail("x@elsewhere.test")],
];
(async () => {
  const client = new ServerClient(key, { useHttps: false, requestHost: base.replace("http://", "") });
  for (const batch of batches) {
    const results = await client.sendEmailBatch(batch);
    const refused = results.find(({ ErrorCode }) => ErrorCode !== 0);
    const ids = results.filter(({ ErrorCode }) => ErrorCode === 0).map(({ MessageID }) => MessageID);
    console.log(JSON.stringify({ ids, error: refused?.Message ?? null }));
  }
})();
