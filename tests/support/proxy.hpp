#pragma once

// The real `tiercel` binary as users run it: own configuration file, free ports, its own process.

#include "support/cache_status.hpp"
#include "support/process.hpp"
#include "support/raw_client.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tiercel::test {

struct proxy_options {
    // YAML as users write it. server.listen and admin.listen are filled in when absent; so is server.timeouts.drain: 5s.
    std::string configuration{};
    std::vector<std::pair<std::string, std::string>> environment{};
    bool wait_until_ready = true;   // false: for configurations that must be refused
    std::filesystem::path program{};   // empty: proxy::program()
};

// Thread: one at a time.
class proxy {
public:
    static std::filesystem::path program();   // $TIERCEL_BIN, or the one of this build
    static bool available();

    // Starts, and waits until /livez answers. Throws with the proxy's own words when it ends instead.
    explicit proxy(proxy_options o);
    explicit proxy(std::string configuration) : proxy(proxy_options{.configuration = std::move(configuration)}) {}
    ~proxy();

    std::uint16_t port() const noexcept { return port_; }
    std::uint16_t admin_port() const noexcept { return admin_port_; }
    std::string url(const std::string& path = "") const { return "http://127.0.0.1:" + std::to_string(port_) + path; }
    const std::filesystem::path& configuration_file() const noexcept { return configuration_file_; }
    std::string log() const { return process_->output(); }
    tiercel::test::process& process() noexcept { return *process_; }

    // ---- requests ----
    raw_client client() const { return raw_client(port_); }
    // One request on a new connection.
    http_response get(std::string_view target, const header_list& fields = {}) const { return client().get(target, fields); }
    http_response request(std::string_view method, std::string_view target, const header_list& fields = {},
                          std::string_view body = {}) const;

    // ---- operations ----
    http_response admin(std::string_view method, std::string_view target, std::string_view body = {}) const;
    std::string metrics() const { return admin("GET", "/metrics").body; }
    // Sum over all series of the metric (name without "tiercel_") whose labels contain the given ones; 0 when there is none.
    double metric(std::string_view name, const std::map<std::string, std::string>& labels = {}) const;
    bool wait_until_ready(std::chrono::milliseconds timeout = default_timeout);   // /readyz says 200
    bool wait_until_well(std::chrono::milliseconds timeout = default_timeout);    // /readyz has nothing to complain of

    // ---- life cycle ----
    exit_status stop(std::chrono::milliseconds timeout = default_timeout);   // SIGTERM, drained; a healthy proxy gives 0
    void kill();                                                             // SIGKILL
    void start();                                                            // again: same ports, same file
    void restart();                                                          // stop() and start()
    void rewrite_configuration(const std::string& yaml);                     // for reload tests; ports are filled in again
    void reload() { process_->send_signal(1 /* SIGHUP */); }

private:
    proxy_options options_;
    temp_dir directory_;
    std::uint16_t port_ = 0;
    std::uint16_t admin_port_ = 0;
    std::filesystem::path configuration_file_;
    std::unique_ptr<tiercel::test::process> process_;
};

// What a command of the binary printed and how it ended: run_tiercel({"check", "x.yaml"}).
struct command_result {
    exit_status status;
    std::string output;   // standard output and error
};
command_result run_tiercel(std::vector<std::string> arguments,
                           std::vector<std::pair<std::string, std::string>> environment = {});

// Prometheus text, summed as metric() says. Throws protocol_error for a line that is neither sample nor comment.
double sum_metric(const std::string& exposition, std::string_view full_name,
                  const std::map<std::string, std::string>& labels);

}  // namespace tiercel::test
