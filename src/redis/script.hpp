#pragma once

// Lua scripts, each of which Redis runs as one step. Redis knows a script by the SHA-1 of its text, so a call carries 40
// digits in its place; a server that has lost the script (restarted, flushed) says NOSCRIPT and is sent the text once.

#include "redis/client.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tiercel::redis {

class script {
public:
    explicit script(std::string text);
    const std::string& text() const noexcept { return text_; }
    const std::string& sha1() const noexcept { return sha1_; }

private:
    std::string text_;
    std::string sha1_;   // lower-case hexadecimal digits
};

struct script_call {
    const script* what;                   // outlives the call
    std::vector<std::string> keys{};
    std::vector<std::string> arguments{};

    command by_hash() const { return made("EVALSHA", what->sha1()); }
    command by_text() const { return made("EVAL", what->text()); }

private:
    command made(std::string_view verb, std::string_view name) const;
};

// The server does not know the script.
bool is_unknown_script(const reply& r) noexcept;

// By hash, and once by text if need be. Not awaited; `on_reply` runs exactly once, as with client::send(). The client may be
// stopped meanwhile, but not die.
void run_script(client& c, lane l, script_call call, reply_handler on_reply);

}  // namespace tiercel::redis
