#pragma once

// Heads for tests, from names and values.

#include <tiercel/message.hpp>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace tiercel {

// Owns the text that its head shows.
template <class Head>
class made_head {
public:
    using lines = std::vector<std::pair<std::string, std::string>>;

    made_head(std::initializer_list<lines::value_type> l) : made_head(lines(l)) {}
    explicit made_head(lines l) : lines_(std::move(l))
    {
        for (const auto& [name, value] : lines_) {
            const header id = header_of(name);
            fields_.push_back({name, value, id});
            head_.present |= id == header::other ? 0 : std::uint64_t{1} << static_cast<unsigned>(id);
        }
        head_.fields = fields_;
    }
    made_head(const made_head&) = delete;
    made_head& operator=(const made_head&) = delete;

    operator const Head&() const { return head_; }

private:
    lines lines_;
    std::vector<field> fields_;
    Head head_;
};

using made_request = made_head<request_head>;
using made_response = made_head<response_head>;

}  // namespace tiercel
