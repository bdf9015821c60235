# The code location and the one-shot command in one image:
#   docker run IMAGE identity-assets run --json
#   docker run IMAGE dagster code-server start -h 0.0.0.0 -p 4000 -m identity_assets.code_location
FROM python:3.11-slim AS wheel
WORKDIR /build
COPY requirements-dev.txt .
RUN pip install --no-cache-dir --require-hashes -r requirements-dev.txt
COPY pyproject.toml README.md LICENSE ./
COPY migrations migrations
COPY identity_assets identity_assets
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .

FROM python:3.11-slim
RUN useradd --create-home --uid 1000 station
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir --no-deps --no-index /wheels/*.whl
COPY workspace.yaml .

USER station
CMD ["identity-assets", "run", "--json"]
