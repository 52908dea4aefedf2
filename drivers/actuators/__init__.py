# SPDX-License-Identifier: Apache-2.0
"""Outputs on a field bus: relay boards, drives, proportional valves."""
