# The service's image: the API and both workers are commands of the same program.
#
#   docker build -t touchstone .                         (needs BuildKit)
#   docker run touchstone worker --queue math            (settings by TOUCHSTONE_* variables; see docs/operations.md)
#
# Where packages come through a mirror, two optional build secrets say how to reach it and are not kept in the image:
# id=ca (a PEM file of certificate authorities) and id=pip_conf (a pip.conf).
ARG BASE=debian:bookworm-slim

# --- Python alone: what both stages share, so that the environment built in one runs in the other.
FROM ${BASE} AS python
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/*

# --- The environment: from the locks with their hashes, wheels only, so that no package runs code while it installs.
FROM python AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3-pip \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# pip works from outside both environments, so that neither holds an installer.
RUN printf '%s\n' '#!/bin/sh' \
        'if [ -f /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi' \
        'if [ -f /run/secrets/pip_conf ]; then export PIP_CONFIG_FILE=/run/secrets/pip_conf; fi' \
        'environment=$1; shift; exec python3 -m pip --python "$environment/bin/python" "$@"' >/usr/local/bin/pip-into \
    && chmod 755 /usr/local/bin/pip-into \
    && python3 -m venv --without-pip /opt/touchstone \
    && python3 -m venv --without-pip /opt/build
COPY requirements.lock requirements-build.lock ./
RUN --mount=type=secret,id=ca,required=false --mount=type=secret,id=pip_conf,required=false \
    pip-into /opt/touchstone install --require-hashes --only-binary :all: -r requirements.lock \
    && pip-into /opt/build install --require-hashes --only-binary :all: -r requirements-build.lock
COPY pyproject.toml README.md ./
COPY sandbox ./sandbox
COPY graders ./graders
COPY app ./app
RUN pip-into /opt/build wheel --no-deps --no-build-isolation --no-index --wheel-dir /wheels . \
    && pip-into /opt/touchstone install --no-deps --no-index /wheels/*.whl

# --- What runs: no compiler, no package installer, no source tree, no root.
FROM python AS service
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/touchstone --create-home touchstone
COPY --from=build /opt/touchstone /opt/touchstone
ENV PATH=/opt/touchstone/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /var/lib/touchstone
EXPOSE 8000
# Alive means that the API's loop answers; whether requests can be served is /readyz, which is no reason to restart. A
# worker serves no HTTP: its heartbeats are in the store, where /readyz and touchstone_workers look for them.
COPY --chmod=755 deploy/health.py /opt/touchstone/bin/touchstone-health
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["touchstone-health"]
ENTRYPOINT ["touchstone"]
CMD ["api"]
