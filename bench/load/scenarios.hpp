#pragma once

#include "load/scenario.hpp"

namespace tiercel::load {

measurement measure_hit(const settings& s);
measurement measure_l2_hit(const settings& s);
measurement measure_miss(const settings& s);
measurement measure_mixed(const settings& s);
measurement measure_stampede(const settings& s);
measurement measure_expiry(const settings& s);
measurement measure_origin_down(const settings& s);
measurement measure_origin_slow(const settings& s);
measurement measure_redis_down(const settings& s);
measurement measure_tenants(const settings& s);
measurement measure_purge(const settings& s);
measurement measure_scale(const settings& s);
measurement measure_peers(const settings& s);

}  // namespace tiercel::load
