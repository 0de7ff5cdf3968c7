// Idle connections that the server's own client opens to it.

import { count } from "./format.js";

// openIdle asks for n more. It returns the text to show, and how many are held
// then if the server said so.
export function openIdle(n) {
  return post(`/idle/open?n=${n}`, ({ opened, held, seconds }) => {
    const all = held > opened ? `, ${count(held)} in all` : "";
    return `${count(opened)} opened in ${seconds.toFixed(1)} s${all}.`;
  });
}

// closeIdle closes all, and returns the same.
export function closeIdle() {
  return post("/idle/close", ({ closed }) => `${count(closed)} closed.`);
}

async function post(address, describe) {
  try {
    const response = await fetch(address, { method: "POST" });
    if (!response.ok) return { text: sentence(await response.text()) };
    const answer = await response.json();
    return { text: describe(answer), held: answer.held };
  } catch {
    return { text: "The server did not answer." };
  }
}

// sentence makes one of an error's text.
function sentence(text) {
  const line = text.trim();
  return `${line.charAt(0).toUpperCase()}${line.slice(1)}.`;
}
