// Talks to the sandbox: the stream of events, and the requests that change something.

const key = document.querySelector('meta[name="inspector-key"]').content;

/** Opens the stream. Each handler gets the data of its event; `connection` gets "live" or "lost". */
export function listen(handlers) {
  const stream = new EventSource("/events");
  for (const name of ["opened", "request", "state", "cleared"]) {
    stream.addEventListener(name, (event) => handlers[name](JSON.parse(event.data)));
  }
  stream.addEventListener("open", () => handlers.connection("live"));
  stream.addEventListener("error", () => {
    handlers.connection("lost");
    // The browser tries again by itself unless the sandbox refused the stream.
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => listen(handlers), 2000);
  });
}

/** Sends JSON with the key of this page, and returns the JSON of the response. */
export async function post(path, body) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Inspector-Key": key },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error("The sandbox does not respond. It may have ended.");
  }
  if (response.status === 403) throw new Error("The sandbox was started again: load this page again.");
  if (response.status === 413) throw new Error("The text is too long.");
  if (!response.ok) throw new Error(`The sandbox refused it: ${await response.text()}`);
  return response.json();
}
