// Faults of the key set endpoint.

const faults = {
  none: (_, serve) => serve(),
  error: (response) => response.writeHead(500).end('{"keys":[]}'),
  html: (response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>Please log in</title>');
  },
  empty: (response) => {
    response.setHeader('content-type', 'application/json');
    response.end('{"keys":[]}');
  },
  // Longer than a request waits for a key, and shorter than the timeout of a fetch.
  delay: (_, serve) => setTimeout(serve, 3500),
  reset: (response) => response.socket.resetAndDestroy(),
};

export const answer = (fault, response, serve) => faults[fault](response, serve);
