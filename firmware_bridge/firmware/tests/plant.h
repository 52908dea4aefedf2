/* SPDX-License-Identifier: Apache-2.0 */
/* The one plant that the sequences run against. Limits are short, so that every one of them is reached often. */
#ifndef VUON_PLANT_H
#define VUON_PLANT_H

#include <stdint.h>

#define PLANT_OUTPUTS 8u
#define VALVES 0x0Fu          /* 0 1 2 3; 2 and 3 exclude each other */
#define PUMP 4u
#define DOSER 5u
#define VENT_OPEN 6u          /* 6 and 7: a motor's two directions */
#define VENT_CLOSE 7u
#define PUMP_VALVES 0x07u
#define LEASE_MAX_MS 500u
#define MAX_ON_MS 1500u
#define PUMP_MAX_ON_MS 4000u
#define MIN_OFF_MS 60u
#define CHANGEOVER_MS 80u
#define OPEN_LEAD_MS 100u
#define CLOSE_LEAD_MS 40u
#define DRY_RUN_MS 700u
#define LOCKOUT_S 1u
#define TRIES 3u
#define FLOW 0u               /* the water meter of pump and doser */
#define RATE_UL_S 2000u
#define FLOW_WINDOW_MS 300u
#define EVENT_UL 600u
#define HOUR_UL 1500u
#define DAY_UL 2500u
#define FLOAT 1u              /* high: the tank is full, valve 0 may not be open */
#define FLOAT_BLOCKS 0x01u
#define FLOAT_DEBOUNCE_MS 20u

#endif
