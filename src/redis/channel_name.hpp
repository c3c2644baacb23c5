#pragma once

// Channels, unlike names, are common to all databases of a server, and instances on different ones have nothing to tell each other: beyond
// the first, its number is added.

#include <string>

namespace tiercel::redis {

inline std::string channel_name(std::string first, unsigned database)
{
    if (database != 0) { first += ":" + std::to_string(database); }
    return first;
}

}  // namespace tiercel::redis
