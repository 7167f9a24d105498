// Sends by Resend's SDK for Node and reads what became of it; then what is not there.
const { Resend } = require("resend");
const [, , , key] = process.argv;
(async () => {
  const resend = new Resend(key);
  const sent = await resend.emails.send({ from: "f@example.test", to: "a@example.test", subject: "s", text: "t" });
  console.log(JSON.stringify((await resend.emails.get(sent.data.id)).data));
  console.log(JSON.stringify({ error: (await resend.emails.get("0".repeat(32))).error.name }));
})();
