#!/bin/bash
# Builds the container image: image.sh [NAME [OPTION...]], e.g. --build-arg BASE=my/python:3.12.
set -euo pipefail
cd "$(dirname "$0")/.."

name=${1:-localhost/jobqueue:latest}
shift || true
for builder in podman buildah docker; do
  "$builder" info >/dev/null 2>&1 || continue
  echo "building $name with $builder"
  # podman and buildah keep the HEALTHCHECK only in this format, which is docker's own
  [ "$builder" = docker ] || set -- --format docker "$@"
  exec "$builder" build --file Containerfile --tag "$name" "$@" .
done
echo "no container builder works here: install podman (apt-get install podman), buildah or docker" >&2
exit 1
