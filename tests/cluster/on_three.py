"""Tests that share one cluster of three."""
import unittest

from loopback import Cluster


class OnThree(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3)
        cls.cluster.wait_voters(3)

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)
