# SPDX-License-Identifier: Apache-2.0
"""What is printed of a calibration: certificate, label, list of what is due, drift."""
