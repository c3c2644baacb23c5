#pragma once

#include "support/process.hpp"
#include "support/raw_client.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::test {

// The sample origin, `tiercel-origin`, as a process of its own. See its --help for the pages and faults it knows.
class origin_process {
public:
    static std::filesystem::path program();   // $TIERCEL_ORIGIN_BIN, or the one of this build
    static bool available();

    explicit origin_process(std::vector<std::string> arguments = {});

    std::uint16_t port() const noexcept { return port_; }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

    std::uint64_t requests() const;                          // all but those below /_/
    std::uint64_t requests(const std::string& path) const;   // path without query
    std::map<std::string, std::uint64_t> requests_by_path() const;   // of all paths at one moment
    std::uint64_t connections() const;                       // accepted so far
    std::uint64_t most_connections() const;                  // open at once, at most
    std::vector<std::string> request_heads() const;          // the last ones, as the origin saw them
    void forget() const;                                     // sets the counts to zero
    // Changes what every page does from now on: "latency=300ms", "status=503", "status=0" ends it.
    void control(const std::string& query) const;

    void kill() { process_->kill(); }
    void restart();                                          // same port, counts at zero
    void freeze();
    void thaw();

private:
    void start();
    http_response ask(std::string_view target) const;

    std::vector<std::string> arguments_;
    std::uint16_t port_ = 0;
    std::unique_ptr<process> process_;
};

}  // namespace tiercel::test
