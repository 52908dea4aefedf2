# SPDX-License-Identifier: Apache-2.0
"""The monthly climates of the sites that Vườn ships, as facts with their sources.

Rule kept: what was measured and published is told apart from what is an estimate. Mean, daily maximum and minimum
temperature, relative humidity, rain and sunshine are means 1981-2010 of the stations of the Viet Nam Institute of
Meteorology, Hydrology and Climate Change, computed from the monthly series in the data set ``imhen`` 0.1.3 (MIT;
Choisy and Contamin; Thai et al. 2015, Epidemics 13: 65-73). Rain days of Đà Lạt are from the description
of its climate in docs/greenhouse-model.md; those of Tây Ninh are those of Hồ Chí Minh City (WMO), 90 km away. Wind is
an estimate: prevailing monsoon, speeds of sheltered farm land.
"""

from typing import Final

from controllers.kernels.weather import Climate

DA_LAT: Final = Climate(
    name="da-lat",
    latitude_deg=11.95,
    longitude_deg=108.433,
    altitude_m=1513.0,
    utc_offset_h=7.0,
    mean_c=(15.80, 16.83, 18.04, 18.88, 19.37, 19.08, 18.71, 18.52, 18.55, 18.14, 17.43, 16.27),
    daily_max_c=(22.27, 23.89, 25.08, 25.30, 24.64, 23.53, 23.01, 22.59, 23.00, 22.72, 21.88, 21.28),
    daily_min_c=(11.73, 11.91, 13.08, 14.78, 16.22, 16.40, 16.13, 16.20, 15.96, 15.26, 14.60, 13.12),
    humidity_pct=(81.73, 77.94, 78.53, 83.74, 86.80, 88.99, 89.80, 90.82, 90.52, 89.29, 86.05, 84.48),
    rain_mm=(9.37, 19.94, 80.15, 173.92, 203.48, 196.52, 223.28, 234.17, 274.90, 250.14, 102.38, 34.34),
    sunshine_h=(242.03, 230.57, 243.78, 201.76, 200.86, 152.89, 151.71, 130.63, 127.90, 136.15, 163.86, 203.56),
    rain_days=(2.5, 3.0, 6.0, 13.0, 21.0, 20.0, 23.0, 23.0, 24.0, 20.0, 12.0, 5.0),
    wind_m_s=(2.6, 2.4, 2.1, 1.7, 1.6, 2.0, 2.2, 2.3, 1.7, 1.8, 2.6, 2.9),
    wind_from_deg=(60.0, 60.0, 75.0, 90.0, 240.0, 250.0, 250.0, 250.0, 250.0, 60.0, 50.0, 50.0),
)

TAY_NINH: Final = Climate(
    name="tay-ninh",
    latitude_deg=11.317,
    longitude_deg=106.067,
    altitude_m=10.0,
    utc_offset_h=7.0,
    mean_c=(25.69, 26.63, 27.91, 28.87, 28.38, 27.58, 27.18, 27.07, 26.83, 26.57, 26.23, 25.51),
    daily_max_c=(32.15, 33.41, 34.74, 35.22, 34.08, 32.78, 32.18, 31.80, 31.52, 31.34, 31.46, 31.38),
    daily_min_c=(21.13, 21.99, 23.46, 24.91, 25.04, 24.50, 24.27, 24.30, 24.14, 23.80, 22.88, 21.36),
    humidity_pct=(71.92, 72.63, 72.06, 74.35, 80.46, 83.75, 83.57, 85.05, 86.17, 85.50, 80.15, 74.63),
    rain_mm=(14.37, 9.81, 31.05, 108.90, 197.20, 254.40, 242.40, 239.47, 335.11, 320.99, 129.57, 50.31),
    sunshine_h=(249.82, 240.02, 267.56, 244.71, 230.22, 197.36, 197.22, 179.51, 173.28, 192.51, 206.91, 232.00),
    rain_days=(2.4, 1.0, 1.9, 5.4, 17.8, 19.0, 22.9, 22.4, 23.1, 20.9, 12.1, 6.7),
    wind_m_s=(1.6, 1.8, 1.9, 1.8, 1.5, 1.7, 1.7, 1.8, 1.5, 1.4, 1.6, 1.7),
    wind_from_deg=(50.0, 110.0, 130.0, 140.0, 200.0, 230.0, 240.0, 240.0, 240.0, 330.0, 30.0, 30.0),
)

CLIMATES: Final[dict[str, Climate]] = {climate.name: climate for climate in (DA_LAT, TAY_NINH)}
