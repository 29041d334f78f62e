# The page (default) and, with another command, the indexer and the scripts. CPU only.
ARG PYTHON_VERSION=3.11
FROM python:${PYTHON_VERSION}-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    OMP_WAIT_POLICY=passive

WORKDIR /app

# torch from its CPU index, in the versions of the lock: PyPI's wheels for Linux bring CUDA, some GB.
COPY requirements.lock ./
RUN grep -E '^torch(vision)?==' requirements.lock > torch.txt \
 && pip install --no-deps --index-url https://download.pytorch.org/whl/cpu -r torch.txt \
 && pip install -r requirements.lock \
 && rm torch.txt

COPY models models
COPY indexer indexer
COPY search_ui search_ui
COPY scripts scripts

# A new named volume takes over the owner of the folder that it covers.
RUN useradd --uid 1000 --create-home engine && install -d -o engine -g engine /data
USER 1000

ENV IMAGE_SIMILARITY_DATA=/data \
    IMAGE_SIMILARITY_HOST=0.0.0.0
VOLUME /data
EXPOSE 7860
CMD ["python", "-m", "search_ui"]
