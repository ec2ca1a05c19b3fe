"""A model behind an address, for `unseen … --model http://127.0.0.1:8000`: the whole protocol in one page.

    python examples/serve_model.py
    unseen explain photo.jpg --model http://127.0.0.1:8000 --removal grey

The model here only compares colours; put yours into `answer`. The standard library's server is for one's own machine:
behind it on a network belongs what your house uses for that.
"""

import base64
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

DESCRIPTION = {
    "preprocessing": {"size": [64, 64], "mean": [0, 0, 0], "std": [1, 1, 1]},
    "labels": ["red", "green", "blue"],
    "batch": 32,
    "version": "1",
}


def answer(images: np.ndarray) -> np.ndarray:
    """Normalised images, float32, shape (N, 3, 64, 64) → one row of scores an image."""
    return 10 * images.mean((2, 3))


class Handler(BaseHTTPRequestHandler):
    """GET describes the model, POST asks it."""

    def do_GET(self) -> None:
        """Describe the model."""
        self.reply(200, DESCRIPTION)

    def do_POST(self) -> None:
        """Answer for a batch, or say why not."""
        try:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            numbers = np.frombuffer(base64.b64decode(asked["data"]), dtype="<f4")
            self.reply(200, {"outputs": answer(numbers.reshape(asked["shape"])).tolist()})
        except (KeyError, TypeError, ValueError) as error:
            self.reply(400, {"error": f"{type(error).__name__}: {error}"})

    def reply(self, status: int, content: dict) -> None:
        """Send an object."""
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", 8000), Handler).serve_forever()
