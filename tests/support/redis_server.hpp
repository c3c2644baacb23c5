#pragma once

// A redis-server of our own: private port, private directory, nothing on disk, gone with the object.

#include "support/process.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tiercel::test {

struct redis_reply {
    enum class kind { nil, integer, string, array, error } type = kind::nil;
    std::int64_t integer = 0;
    std::string text;                      // of a string, a status or an error
    std::vector<redis_reply> elements;
};

// Thread: one at a time.
class redis_server {
public:
    static bool available();               // is the program installed?

    // Starts and waits until it answers. `arguments` go to the command line: {"--requirepass", "secret"}.
    explicit redis_server(std::vector<std::string> arguments = {});
    ~redis_server();

    std::uint16_t port() const noexcept { return port_; }
    std::string url(int database = 0) const;   // redis://127.0.0.1:PORT/0
    std::string unix_url() const;              // unix:/…

    void kill();       // at once, all data lost
    void restart();    // after kill(): empty, same port
    void freeze();     // SIGSTOP: connections stay, nothing is answered
    void thaw();

    // One command on a connection of its own. Throws std::runtime_error when the server does not answer in time; an error
    // reply is returned.
    redis_reply command(const std::vector<std::string>& words);
    std::vector<std::string> keys(const std::string& pattern = "*");   // sorted

private:
    void start();

    std::vector<std::string> arguments_;
    std::string password_;
    temp_dir directory_;
    std::uint16_t port_ = 0;
    std::unique_ptr<process> process_;
};

}  // namespace tiercel::test
