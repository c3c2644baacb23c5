#pragma once

// The processes of a scenario: nodes of the real program, the sample origin, a Redis of their own. On free ports of loopback, and
// gone with the object.

#include "load/client.hpp"
#include "load/scenario.hpp"

#include "support/origin_process.hpp"
#include "support/proxy.hpp"
#include "support/redis_server.hpp"

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tiercel::load {

// The configuration of a node, as pieces of YAML in flow style without the braces: "max_bytes: 8MiB, max_ttl: 1s".
struct node_options {
    unsigned threads = 2;
    std::string server;
    std::string l1;
    std::string l2;                              // beside kind and url
    std::string origin;                          // beside the endpoint
    std::string route;
    std::string tenancy;
    std::string invalidation;
    std::string access_log = "off";
};

struct stage_options {
    unsigned nodes = 1;
    bool redis = false;
    node_options node;
    std::filesystem::path program;               // that all nodes run; empty: the one under test
    std::vector<std::string> redis_arguments;
    std::vector<std::string> origin_arguments;
    std::string origin_url;                      // instead of a sample origin of its own
};

class stage {
public:
    // Starts everything and waits until it works. Throws cannot_run when a program is missing.
    explicit stage(stage_options o);
    stage(const stage&) = delete;
    stage& operator=(const stage&) = delete;
    ~stage();

    test::origin_process& origin() { return *origin_; }
    test::redis_server& redis() { return *redis_; }
    test::proxy& node(unsigned i = 0) { return *nodes_.at(i); }
    const test::proxy& node(unsigned i = 0) const { return *nodes_.at(i); }
    unsigned size() const noexcept { return static_cast<unsigned>(nodes_.size()); }
    std::vector<std::uint16_t> ports() const;
    std::vector<pid_t> processes() const;                                  // of the nodes
    double metric(std::string_view name, const std::map<std::string, std::string>& labels = {}) const;   // over all nodes

    // Asks for each of these once, at node `i`, as fast as it goes. Throws std::runtime_error unless all answers are 200.
    void fetch_all(const std::vector<std::string>& requests, unsigned i = 0) const;
    // Waits until each node knows of all others, so that an acknowledgement by all is one.
    void wait_until_acquainted();
    // Waits until Redis holds at least so many keys: writes to it are not waited for by answers.
    void wait_for_redis_keys(std::size_t n);

private:
    std::optional<test::origin_process> origin_;
    std::optional<test::redis_server> redis_;
    std::vector<std::unique_ptr<test::proxy>> nodes_;
};

// Does the program under test know these options of a route? For protections that not every version has.
bool knows_route_options(const std::string& options);

}  // namespace tiercel::load
