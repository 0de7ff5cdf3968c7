// The stream of figures, and what happens when it breaks.

const patience = 5000; // ms without a sample before the stream counts as lost
const delays = [500, 1000, 2000, 4000]; // ms before each attempt; the last one stays

// Feed keeps a stream to address open. It calls
//
//	onHistory(points)  with the past, whenever it has connected,
//	onSample(sample)   with every sample,
//	onState(state)     "live", "lost", "stopped" (the server said goodbye) or
//	                   "paused" (nobody looks at the page).
export class Feed {
  constructor(address, handlers) {
    this.address = address;
    this.handlers = handlers;
    this.state = "connecting";
    this.attempts = 0;
    addEventListener("online", () => this.begin());
    document.addEventListener("visibilitychange", () => this.begin());
    this.begin();
  }

  // begin connects at once, unless nobody looks: a hidden page gives its
  // connection back, as browsers allow six per HTTP/1 server, for all tabs
  // together.
  begin() {
    if (document.hidden) this.pause();
    else this.connect();
  }

  connect() {
    this.disconnect();
    const source = new EventSource(this.address);
    source.addEventListener("history", (e) => {
      this.expectMore();
      this.handlers.onHistory(JSON.parse(e.data));
    });
    source.addEventListener("sample", (e) => {
      this.expectMore();
      this.attempts = 0;
      this.enter("live");
      this.handlers.onSample(JSON.parse(e.data));
    });
    source.addEventListener("bye", () => this.lose("stopped"));
    source.addEventListener("error", () => this.lose("lost"));
    this.source = source;
    this.expectMore();
  }

  // expectMore restarts the wait for something to come.
  expectMore() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.lose("lost"), patience);
  }

  lose(why) {
    this.disconnect();
    // A server that said goodbye is then not there; that is no other news.
    this.enter(this.state === "stopped" ? "stopped" : why);
    const delay = delays[Math.min(this.attempts++, delays.length - 1)];
    this.timer = setTimeout(() => this.connect(), delay);
  }

  pause() {
    this.disconnect();
    this.enter("paused");
  }

  disconnect() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = undefined;
  }

  enter(state) {
    if (state === this.state) return;
    this.state = state;
    this.handlers.onState(state);
  }
}
