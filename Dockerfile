# One image for every process: a single run, the migration, Dagster's code server, webserver and daemon.
#   docker run IMAGE run --scope full
#   docker run IMAGE dagster code-server start -h 0.0.0.0 -p 4000 -m identity_assets.code_location
# For runs as pods of Kubernetes: docker build --build-arg LOCK=requirements-k8s.txt .
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
ARG LOCK=requirements.txt
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements.txt requirements-k8s.txt requirements-build.txt ./
RUN python -m venv --without-pip /opt/identity-assets
RUN pip --python /opt/identity-assets install --no-compile --require-hashes -r ${LOCK}
RUN python -m venv tools && tools/bin/pip install --require-hashes -r requirements-build.txt
COPY pyproject.toml README.md LICENSE ./
COPY migrations migrations
COPY identity_assets identity_assets
RUN tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir wheels .
RUN pip --python /opt/identity-assets install --no-compile --no-deps --no-index wheels/*.whl
# The webserver's source maps and the asynchronous Kubernetes client are never loaded.
RUN find /opt/identity-assets -path '*/webapp/build/*.map' -delete
RUN rm -rf /opt/identity-assets/lib/python*/site-packages/kubernetes/aio
# The file system is read-only later, so the byte code is written now and is never checked against its source.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/identity-assets/lib

FROM python:${PYTHON}-slim
ARG REVISION=unknown
LABEL org.opencontainers.image.title="identity-assets" \
      org.opencontainers.image.description="Who made each release of a radio station's catalogue: a Dagster asset graph over PostgreSQL." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/identity-assets /opt/identity-assets
# One heap for all threads of a process: glibc's own for each thread would keep 10 MiB more in a run.
ENV PATH=/opt/identity-assets/bin:${PATH} PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 DAGSTER_DISABLE_TELEMETRY=yes \
    MALLOC_ARENA_MAX=1
# No home and no shell. Only /tmp need be writable.
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin station
WORKDIR /opt/dagster
USER 10001:10001
STOPSIGNAL SIGTERM
# Says that the settings are valid. Compose and Kubernetes ask each server by its own port instead.
HEALTHCHECK --interval=60s --timeout=10s --start-period=20s CMD ["identity-assets", "--version"]
ENTRYPOINT ["identity-assets"]
CMD ["run", "--json"]
