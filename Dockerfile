# Two stages: wheels are built with the toolchain, the image that runs has none.
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY requirements.lock pyproject.toml README.md ./
COPY facade ./facade
COPY mappings ./mappings
RUN python -m venv /opt/dmp-facade \
    && /opt/dmp-facade/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
    && /opt/dmp-facade/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /var/lib/dmp-facade --create-home dmp-facade
# The image has its standard library without bytecode, and our user could not write it: each start would compile anew.
RUN python -m compileall -q -x '/tests?/' /usr/local/lib/python3.11
COPY --from=build /opt/dmp-facade /opt/dmp-facade
ENV PATH=/opt/dmp-facade/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    DMP_FACADE_HOST=0.0.0.0 \
    DMP_FACADE_DATABASE_URL=sqlite:////var/lib/dmp-facade/dmp-facade.db
USER 10001
WORKDIR /var/lib/dmp-facade
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["python", "-c", "import ssl, urllib.request; from facade.settings import Settings; s = Settings(); urllib.request.urlopen(f'http{\"s\" if s.tls_certificate else \"\"}://127.0.0.1:{s.port}/healthz', timeout=2, context=ssl._create_unverified_context())"]
CMD ["dmp-facade", "serve"]
