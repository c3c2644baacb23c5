#pragma once

// What the instances that hear a channel know of it, asked as they ask each other.

#include "support/redis_server.hpp"

#include <random>
#include <string>

namespace tiercel::test {

// On which they do; empty: none does, or they do on more than one, for not all take the same from the same channel.
inline std::string witness_channel(redis_server& redis, const std::string& label)
{
    const redis_reply all = redis.command({"PUBSUB", "CHANNELS", "tcl:heard:" + label + ":*"});
    return all.elements.size() == 1 ? all.elements[0].text : std::string();
}

// So many instances say that all is known to them that was ever published for the source.
inline bool all_is_known(redis_server& redis, const std::string& label, int instances)
{
    const std::string channel = witness_channel(redis, label);
    if (channel.empty()) { return false; }
    const std::string name = "test" + std::to_string(std::random_device{}());   // of this question: answers to others may come yet
    byte_stream answers(connect_to("127.0.0.1", redis.port()));
    answers.send("SUBSCRIBE " + channel + "\r\n");
    answers.read_until(":1\r\n", 1000);
    if (redis.command({"PUBLISH", channel, "?" + name}).integer != instances + 1) { return false; }
    for (int yes = 0; yes < instances;) {
        answers.read_until(channel + "\r\n", 1000);
        answers.read_until("\r\n", 1000);
        const std::string word = answers.read_until("\r\n", 1000);
        if (word == "-" + name + "\r\n") { return false; }
        if (word == "+" + name + "\r\n") { ++yes; }
    }
    return true;
}

}  // namespace tiercel::test
