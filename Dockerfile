# One image for every process: `houseful up` (the default), `houseful serve PART…`, and the tools.
#
# The images that it is made of can be pinned to their content: --build-arg PYTHON_IMAGE=python:3.13.9-slim-trixie@sha256:…
ARG NODE_IMAGE=node:22.21.1-slim
ARG PYTHON_IMAGE=python:3.13.9-slim-trixie

FROM ${NODE_IMAGE} AS web
WORKDIR /web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY web ./
RUN npm run build


FROM ${PYTHON_IMAGE} AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PROJECT_ENVIRONMENT=/app UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /build
COPY pyproject.toml uv.lock README.md ./
RUN uv sync --frozen --no-dev --extra split --extra tracing --no-install-project
COPY src src
COPY --from=web /web/dist src/houseful/static
RUN uv sync --frozen --no-dev --extra split --extra tracing --no-editable


FROM ${PYTHON_IMAGE}
# Where a platform mounts its disk for root alone, build with --build-arg RUN_AS=0.
ARG RUN_AS=10001
COPY --from=build /app /app
RUN install --directory --owner=${RUN_AS} --group=${RUN_AS} --mode=0750 /data
ENV PATH=/app/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HOUSEFUL_DATA=/data \
    HOUSEFUL_HOST=0.0.0.0 \
    HOUSEFUL_PORT=8000 \
    HOUSEFUL_LOG_STYLE=json
WORKDIR /data
USER ${RUN_AS}:${RUN_AS}
EXPOSE 8000
STOPSIGNAL SIGTERM
# Is the process alive? Whoever acts on this starts it again, which cures nothing that /readyz may complain about.
# No VOLUME: some platforms refuse it; what is to be kept is mounted at /data.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --start-interval=1s \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['HOUSEFUL_PORT']), timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["houseful"]
CMD ["up"]
