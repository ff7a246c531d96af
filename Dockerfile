# One image for every part: `earshot serve NAME`, `earshot provision`, or the command line.
ARG BUILD_IMAGE=python:3.13-slim
ARG RUNTIME_IMAGE=python:3.13-slim

FROM ${BUILD_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/earshot
WORKDIR /src
# The dependencies change less often than the code, so they are a layer of their own.
COPY requirements.txt ./
RUN /opt/earshot/bin/python -m pip install --require-hashes --requirement requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY contracts contracts
COPY services services
COPY earshot earshot
COPY evaluation evaluation
COPY benchmarks benchmarks
RUN /opt/earshot/bin/python -m pip install --no-deps --no-build-isolation .

FROM ${RUNTIME_IMAGE}
RUN groupadd --system --gid 10001 earshot \
    && useradd --system --uid 10001 --gid earshot --no-create-home --shell /usr/sbin/nologin earshot \
    && install --directory --owner=earshot --group=earshot --mode=0700 /var/lib/earshot
# The environment refers to its interpreter, so both images must have Python in the same place.
COPY --from=build /opt/earshot /opt/earshot
ENV PATH=/opt/earshot/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    EARSHOT_DATA_DIR=/var/lib/earshot
USER 10001:10001
WORKDIR /var/lib/earshot
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as web; port = os.environ.get('EARSHOT_HEALTH_PORT') or os.environ.get('EARSHOT_PORT') or '8080'; web.urlopen(f'http://127.0.0.1:{port}/health/live', timeout=4)"]
ENTRYPOINT ["earshot"]
