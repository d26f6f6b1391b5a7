# The public redis image's name, paths, user and entry point, from Debian's package (.ci/stand-in says when and why).
ARG BASE=debian:bookworm-slim
FROM ${BASE}
LABEL touchstone.stand-in="true"
RUN groupadd --system --gid 999 redis \
    && useradd --system --gid redis --uid 999 --home-dir /data redis \
    && apt-get update \
    && apt-get install -y --no-install-recommends redis-server \
    && rm -rf /var/lib/apt/lists/* \
    && mkdir /data && chown redis:redis /data
# Like the public image: arguments that begin with a dash belong to redis-server, root gives up its rights after
# handing over the data folder, and protected mode is off, since a container's network is what is kept private.
RUN printf '%s\n' '#!/bin/sh' 'set -e' \
        'if [ "${1#-}" != "$1" ] || [ "${1%.conf}" != "$1" ]; then set -- redis-server "$@"; fi' \
        'if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then' \
        '    find . \! -user redis -exec chown redis:redis {} +' \
        '    exec setpriv --reuid=redis --regid=redis --clear-groups -- "$0" "$@"' \
        'fi' \
        'if [ "$1" = redis-server ]; then set -- "$@" --protected-mode no; fi' \
        'exec "$@"' >/usr/local/bin/docker-entrypoint.sh \
    && chmod 755 /usr/local/bin/docker-entrypoint.sh
VOLUME /data
WORKDIR /data
EXPOSE 6379
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["redis-server"]
