# SPDX-License-Identifier: Apache-2.0
"""The few instruments that need code beside their catalogue entry."""
