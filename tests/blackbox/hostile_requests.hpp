#pragma once

// Requests that no honest client sends, one per row. Each must be refused and its connection closed; whatever stands behind it
// on the connection must never be looked at. The number in a name is that of the hardening list.

#include <string>
#include <string_view>
#include <vector>

namespace tiercel::test {

struct hostile_request {
    std::string name;
    std::string bytes;
    std::vector<int> statuses;   // any of these
};

// Without tenants.
std::vector<hostile_request> hostile_framing();
std::vector<hostile_request> hostile_chunks();
std::vector<hostile_request> hostile_lines();
std::vector<hostile_request> hostile_targets();
std::vector<hostile_request> hostile_hosts();
// For a proxy whose tenant comes from X-Tenant-ID of trusted peers.
std::vector<hostile_request> hostile_tenants();

}  // namespace tiercel::test
