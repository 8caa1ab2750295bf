"""One cluster for all tests here, and one study that ran on it and, for comparison, without it."""

import shutil
from types import SimpleNamespace

import pytest

from slurm_cluster import Cluster
from slurm_study import SlurmCheckout, chosen_study
from small_study import Checkout, copy_code


@pytest.fixture(scope="session")
def cluster():
    """Three nodes with two processors each."""
    with Cluster(3, cpus=2) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def study(tmp_path_factory, cluster):
    """The study run on the cluster: checkout, configuration, and the jobs and words of the run."""
    config = chosen_study()
    checkout = SlurmCheckout(copy_code(tmp_path_factory.mktemp("auf dem Clüster")), config["study"], cluster)
    checkout.finish(checkout.submit(config))
    return checkout, config, SimpleNamespace(jobs=cluster.jobs(), said=checkout.said())


@pytest.fixture(scope="session")
def reference(tmp_path_factory):
    """The same study on this machine, without the cluster."""
    config = chosen_study()
    checkout = Checkout(copy_code(tmp_path_factory.mktemp("local")), config["study"])
    checkout.run(config)
    yield checkout
    shutil.rmtree(checkout.folder)
