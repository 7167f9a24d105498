// Three batches by Resend's SDK for Node: both good, one of two not allowed (strict), the same (permissive).
const { Resend } = require("resend");
const [, , , key] = process.argv;
const mail = (to) => ({ from: "f@example.test", to, subject: "batch", text: `to ${to}` });
const good = [mail("a@example.test"), mail("b@example.test")];
const mixed = [mail("a@example.test"), mail("x@elsewhere.test")];
(async () => {
  const resend = new Resend(key);
  for (const [mails, options] of [[good, {}], [mixed, {}], [mixed, { batchValidation: "permissive" }]]) {
    const { data, error } = await resend.batch.send(mails, options);
    const complaint = error?.message ?? data?.errors?.[0]?.message;
    console.log(JSON.stringify({ ids: data?.data.map(({ id }) => id) ?? [], error: complaint ?? null }));
  }
})();
