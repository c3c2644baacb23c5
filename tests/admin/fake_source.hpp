#pragma once

#include "admin/admin_source.hpp"

namespace tiercel::admin {

struct fake_source final : admin_source {
    std::vector<dependency> needs{{.name = "redis", .state = health::ok, .reason = {}}};

    std::vector<dependency> dependencies() const override { return needs; }
    std::string metrics_text() const override { return "tiercel_up 1\n"; }
    std::string status_json() const override { return R"({"version":"1"})"; }
    std::string origins_json() const override { return R"({"origins":[]})"; }
    bool hold_breaker(std::string_view origin, std::string_view endpoint, breaker_hold how) override
    {
        held.push_back({std::string(origin), std::string(endpoint), how});
        return origin == "shop";
    }
    struct order {
        std::string origin, endpoint;
        breaker_hold how;
        friend bool operator==(const order&, const order&) = default;
    };
    std::vector<order> held;

    void operate(operation o, operation_handler done) override
    {
        operations.push_back(std::move(o));
        done({200, "{}"});
    }
    std::vector<operation> operations;

    std::string config_json() const override { return R"({"server.threads":{"value":"auto","from":"default"}})"; }
};

}  // namespace tiercel::admin
