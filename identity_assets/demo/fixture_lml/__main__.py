"""`python -m identity_assets.demo.fixture_lml`: serve until a signal, or until the parent process ends."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from signal import SIG_IGN, SIGINT, SIGTERM, signal
from typing import get_args

from identity_assets.demo.fixture_lml.app import create_app
from identity_assets.demo.fixture_lml.capacity import Beyond, Capacity
from identity_assets.demo.fixture_lml.server import Server, stop_with_parent
from identity_assets.demo.fixture_lml.tracks import TrackSettings, TrackSizes, TrackState, read_credits


def main(arguments: Sequence[str] | None = None) -> None:
    """Print `listening on URL` on stdout when the server accepts connections, then serve."""
    options = _parser().parse_args(arguments)
    app = create_app(
        options.known.read_text("utf-8").split("\n"),
        api_key=os.environ[options.api_key_env] if options.api_key_env else None,
        seconds_per_input=options.seconds_per_input,
        capacity=Capacity(options.capacity, options.beyond, options.retry_after),
        tracks=TrackSettings(
            options.track_state,
            None if options.no_tracks_marker else TrackSettings().contract_version,
            TrackSizes(options.mean_credits, options.p99_credits, options.most_credits),
            read_credits(options.credits) if options.credits else None,
            options.track_flaws,
        ),
    )
    # uvicorn stops cleanly on these signals and then raises them again, which would print a traceback.
    for stopping in (SIGINT, SIGTERM):
        signal(stopping, SIG_IGN)
    server = Server(app, options.port, lambda url: print(f"listening on {url}", flush=True))
    stop_with_parent(server)
    server.run_until_stopped()


def _parser() -> argparse.ArgumentParser:
    sizes = TrackSizes()
    parser = argparse.ArgumentParser(description="An LML that answers over real HTTP.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--known", type=Path, required=True, help="file of artist names, one a line, UTF-8")
    parser.add_argument("--api-key-env", metavar="NAME", help="variable that holds the key it demands")
    parser.add_argument("--seconds-per-input", type=float, default=0.0)
    parser.add_argument(
        "--capacity", type=int, help="how many calls it works on at once; default: any number"
    )
    parser.add_argument("--beyond", choices=get_args(Beyond), default="wait", help="what further calls do")
    parser.add_argument("--retry-after", help="Retry-After of a refused call")
    parser.add_argument("--track-state", choices=get_args(TrackState), help="the state of every compilation")
    parser.add_argument("--no-tracks-marker", action="store_true", help="leave tracks_contract_version null")
    parser.add_argument("--track-flaws", action="store_true", help="repeat some tracks, and spoil a few")
    parser.add_argument("--credits", type=Path, help="file of all credits that it knows (`write_credits`)")
    parser.add_argument("--mean-credits", type=float, default=sizes.mean)
    parser.add_argument("--p99-credits", type=float, default=sizes.p99)
    parser.add_argument("--most-credits", type=int, default=sizes.most)
    return parser


if __name__ == "__main__":
    main()
