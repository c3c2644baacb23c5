#pragma once

#include "admin/admin_source.hpp"

namespace tiercel::admin {

struct fake_source final : admin_source {
    std::vector<dependency> needs{{.name = "redis", .state = health::ok, .reason = {}}};

    std::vector<dependency> dependencies() const override { return needs; }
    std::string metrics_text() const override { return "tiercel_up 1\n"; }
    std::string status_json() const override { return R"({"version":"1"})"; }
    std::string config_json() const override { return R"({"server.threads":{"value":"auto","from":"default"}})"; }
};

}  // namespace tiercel::admin
