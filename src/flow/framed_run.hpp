#pragma once

#include "http/chunk_line.hpp"

#include <array>
#include <span>
#include <string_view>

namespace tiercel::flow {

// A run of content as it is framed towards the client, behind the head where that is still to be sent.
class framed_run {
public:
    framed_run(std::string_view head, std::string_view content, bool chunked, bool last) noexcept : line_(content.size())
    {
        out_ = {head, {}, content, {}, {}};
        if (chunked && !content.empty()) {
            out_[1] = line_.view();
            out_[3] = "\r\n";
        }
        if (chunked && last) {
            out_[4] = last_chunk;
        }
    }
    framed_run(const framed_run&) = delete;
    framed_run& operator=(const framed_run&) = delete;

    std::span<const std::string_view> pieces() const noexcept { return out_; }

private:
    chunk_line line_;
    std::array<std::string_view, 5> out_;
};

}  // namespace tiercel::flow
