// Posts the form to its action, where mod_sendmail waits, and says in words what became of it. The server decides who receives and who
// sends; this page gives Reply-To, Subject and the text.
"use strict";

const form = document.getElementById("contact");
const progress = document.getElementById("progress");
const outcome = document.getElementById("outcome");
const button = form.querySelector("button");

// RFC 2047: fetch refuses fields with characters beyond Latin-1, and mail knows ASCII alone. An encoded word does not split
// a character, and 39 octets of them in base64 fit beside the name of the field into one line.
function encodedWords(text) {
  const words = [];
  let word = "";
  const octets = (piece) => new TextEncoder().encode(piece);
  for (const character of text) {
    if (octets(word + character).length > 39) {
      words.push(word);
      word = "";
    }
    word += character;
  }
  words.push(word);
  return words.map((piece) => `=?UTF-8?B?${btoa(String.fromCharCode(...octets(piece)))}?=`).join(" ");
}

const isPlain = (text) => /^[\x20-\x7e]*$/.test(text) && !text.includes("=?");

// A field is one line.
const oneLine = (text) => text.replace(/[\u0000-\u001f\u007f\u2028\u2029]+/g, " ").trim();

function subjectField(text) {
  return isPlain(text) ? text : encodedWords(text);
}

// The address as mail knows it, or nothing if it is none. The URL parser turns a domain with umlauts into its A-label.
function mailbox(address) {
  const parts = /^([A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+)@([^\s@/?#:\\]+\.[^\s@/?#:\\]+)$/.exec(address.trim());
  if (!parts) return "";
  try {
    return `${parts[1]}@${new URL(`http://${parts[2]}`).hostname}`;
  } catch {
    return "";
  }
}

function replyToField(name, address) {
  if (!name) return mailbox(address);
  return `${isPlain(name) ? `"${name.replace(/["\\]/g, "\\$&")}"` : encodedWords(name)} <${mailbox(address)}>`;
}

// What is wrong with a field, in words; nothing if all is well.
function complaint(field) {
  if (field.required && !field.value.trim()) {
    return { email: "Please give an address for our answer.", subject: "Please give a subject.", text: "Please write something." }[field.name];
  }
  return field.type === "email" && !mailbox(field.value) ? "We cannot answer to this address. One that we can looks like name@example.org." : "";
}

function check(field) {
  const words = complaint(field);
  const wrong = document.getElementById(`${field.id}-wrong`);
  if (!wrong) return true;
  wrong.textContent = words;
  wrong.hidden = !words;
  field.setAttribute("aria-invalid", words ? "true" : "false");
  return !words;
}

const AGAIN = {
  "yes": "Nothing was sent. Your text is still here: please try again in a few minutes.",
  "yes-may-double": "Your text is still here: please try again in a few minutes.",
  "after-correction": "Nothing was sent. Your text is still here: please change it and send again.",
  "after-administrator": "Nothing was sent. This is a fault of ours; please write to us another way.",
  "no": "It was sent before. Please do not send it again.",
  "unknown": "It may have reached us all the same. Please wait for our answer before you send it again.",
};

const REFUSALS = {
  0: ["No answer from the server", "unknown"],
  400: ["Something in the message cannot be sent", "after-correction"],
  403: ["This page may not send mail", "after-administrator"],
  408: ["The connection was too slow", "yes"],
  409: ["This message was sent before", "no"],
  413: ["The message is too long", "after-correction"],
  415: ["This kind of message cannot be sent", "after-administrator"],
  429: ["Too many messages at a time", "yes"],
  502: ["Nobody can say whether it was sent", "unknown"],
  503: ["Our mail system is busy or being repaired", "yes"],
  504: ["Our mail system took too long", "unknown"],
};

function say(kind, title, ...paragraphs) {
  outcome.className = `message ${kind}`;
  const heading = document.createElement("h2");
  heading.textContent = title;
  outcome.replaceChildren(heading, ...paragraphs.filter(Boolean).map((words) => {
    const paragraph = document.createElement("p");
    paragraph.append(words);
    return paragraph;
  }));
  outcome.focus();
}

async function refused(response) {
  const problem = await response.json().catch(() => ({}));
  const [title, again] = REFUSALS[response.status] ?? ["The message was not sent", response.status < 500 ? "after-correction" : "after-administrator"];
  const advice = AGAIN[problem.send_again] ?? AGAIN[again];
  // What the server says of a field helps whoever can change it.
  say("refused", title, response.status === 400 && problem.detail ? `The server says: ${problem.detail}.` : "", advice);
}

async function send() {
  const { name, email, subject, text } = form.elements;
  const response = await fetch(form.action, {
    method: "POST",
    headers: {
      "Accept": "application/problem+json, application/json;q=0.9",
      "Subject": subjectField(oneLine(subject.value)),
      "Reply-To": replyToField(oneLine(name.value), email.value),
    },
    body: text.value,
    signal: AbortSignal.timeout(90_000),
  });
  if (!response.ok) return refused(response);
  const reference = document.createElement("code");
  reference.textContent = response.headers.get("X-Message-ID") ?? "";
  const line = document.createElement("span");
  line.append("Its reference: ", reference);
  form.hidden = true;
  say("accepted", "Thank you, your message is on its way", "We answer to the address you gave.", reference.textContent ? line : "");
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (button.getAttribute("aria-disabled") === "true") return;
  const fields = [...form.querySelectorAll("input, textarea")];
  const wrong = fields.filter((field) => !check(field));
  outcome.replaceChildren();
  outcome.className = "message";
  if (wrong.length) return wrong[0].focus();
  button.setAttribute("aria-disabled", "true");
  progress.textContent = "Sending …";
  try {
    await send();
  } catch {
    // The connection broke, before or after the server had it all.
    say("refused", REFUSALS[0][0], AGAIN[REFUSALS[0][1]]);
  } finally {
    progress.textContent = "";
    button.setAttribute("aria-disabled", "false");
  }
});
for (const field of form.querySelectorAll("input, textarea")) {
  field.addEventListener("change", () => field.getAttribute("aria-invalid") === "true" && check(field));
}
form.hidden = false;
