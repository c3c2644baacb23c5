#pragma once

// What the instances that hear a channel know of it, asked as they ask each other.

#include "support/redis_server.hpp"

#include <string>

namespace tiercel::test {

// So many instances say that all is known to them that was ever published for the source.
inline bool all_is_known(redis_server& redis, const std::string& label, int instances)
{
    const std::string channel = "tcl:heard:" + label;
    byte_stream answers(connect_to("127.0.0.1", redis.port()));
    answers.send("SUBSCRIBE " + channel + "\r\n");
    answers.read_until(":1\r\n", 1000);
    if (redis.command({"PUBLISH", channel, "?test"}).integer != instances + 1) { return false; }
    for (int i = 0; i < instances; ++i) {
        std::string answer = "?";
        while (answer.starts_with('?')) {   // a question
            answers.read_until(channel + "\r\n", 1000);
            answers.read_until("\r\n", 1000);
            answer = answers.read_until("\r\n", 1000);
        }
        if (answer != "+test\r\n") { return false; }
    }
    return true;
}

}  // namespace tiercel::test
