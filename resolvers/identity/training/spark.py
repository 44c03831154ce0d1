"""Splink's Spark backend on this machine: a JVM of its own for each run, which leaves nothing behind."""

from __future__ import annotations

import contextlib
import logging
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from resolvers.identity.training import conditions
from resolvers.identity.training.engines import Engine
from resolvers.identity.training.errors import TrainingError, not_installed

_ENDS_IN = 30.0
"""Seconds that a JVM gets to end by itself."""


class Spark(msgspec.Struct, frozen=True, kw_only=True):
    """Spark in pyspark's local mode. `memory_mb` bounds the JVM's heap. 0 threads: one a core."""

    memory_mb: int = 1500
    threads: int = 0

    @contextlib.contextmanager
    def open(self, folder: Path) -> Iterator[Engine]:
        """Raises TrainingError where Splink, pyspark or Java is not installed."""
        try:
            from pyspark import SparkConf, SparkContext
            from pyspark.sql import SparkSession
            from splink.backends.spark import SparkAPI, similarity_jar_location
        except ImportError as error:
            raise not_installed(error.name, "training,spark") from None
        logging.getLogger("splink").setLevel(logging.ERROR)
        conf = SparkConf(loadDefaults=False).setAll(self._options(folder, similarity_jar_location()).items())
        with _java(conf, folder / "java-said") as gateway:
            context = SparkContext(gateway=gateway, conf=conf)
            try:
                context.setCheckpointDir(str(folder / "checkpoints"))
                session = SparkSession(context)
                api: Any = SparkAPI
                yield _SparkEngine(session, api(spark_session=session))
            finally:
                context.stop()

    def _options(self, folder: Path, jar: str) -> dict[str, str]:
        quiet = folder / "log4j2.properties"
        quiet.write_text(_QUIET)
        return {
            "spark.app.name": "c360",
            "spark.master": f"local[{self.threads or '*'}]",
            "spark.jars": jar,
            "spark.driver.memory": f"{self.memory_mb}m",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={quiet} -Djava.io.tmpdir={folder}",
            "spark.local.dir": str(folder / "spilled"),
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
            "spark.sql.shuffle.partitions": "8",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
        }


_QUIET = """status = off
appender.none.type = Null
appender.none.name = none
rootLogger.level = off
rootLogger.appenderRef.none.ref = none
"""


@contextlib.contextmanager
def _java(conf: Any, said: Path) -> Iterator[Any]:
    """A JVM that ends with the block: pyspark would keep it, with these options and with files in the run's folder."""
    from pyspark import SparkContext
    from pyspark.errors import PySparkRuntimeError
    from pyspark.java_gateway import launch_gateway

    with said.open("wb") as out:
        try:
            gateway = launch_gateway(conf, {"stdout": out, "stderr": out})
        except (PySparkRuntimeError, OSError) as error:
            raise TrainingError(
                "Spark does not start; it needs Java 17 or newer, such as Debian's default-jre-headless: "
                + (said.read_text(errors="replace").strip()[-500:] or str(error))
            ) from None
    try:
        yield gateway
    finally:
        gateway.shutdown()
        gateway.proc.stdin.close()
        try:
            gateway.proc.wait(_ENDS_IN)
        except subprocess.TimeoutExpired:
            gateway.proc.kill()
            gateway.proc.wait()
        SparkContext._gateway = SparkContext._jvm = None


class _SparkEngine:
    name, dialect = "Spark", conditions.SPARK
    draws = 1  # a step is a job, which takes longer than what it could save
    margin = 12.0  # its Jaro-Winkler counts half transpositions: a name may stand on a lower level, the lowest at worst

    def __init__(self, session: Any, api: Any) -> None:
        self._session, self.api = session, api

    def load(self, name: str, folder: Path) -> None:
        self._session.read.parquet(str(folder)).createOrReplaceTempView(name)

    def define(self, name: str, sql: str) -> None:
        # cut off from what it was computed from: a plan that grows with each step is computed again and again
        self._session.sql(sql).checkpoint().createOrReplaceTempView(name)

    def drop(self, name: str) -> None:
        self._session.catalog.dropTempView(name)

    def count(self, name: str) -> int:
        return int(self._session.table(name).count())

    def write(self, sql: str, folder: Path) -> None:
        self._session.sql(sql).write.parquet(str(folder))
