# SPDX-License-Identifier: Apache-2.0
"""The farm's web page: what is measured, what each output does and why, and one safe manual action."""
