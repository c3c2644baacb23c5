#include "cache/part_index.hpp"

#include <tiercel/cache_key.hpp>

namespace tiercel {
namespace {

// With a blank, which no field name has.
constexpr std::string_view index_mark = "stored parts";
constexpr std::string_view part_mark = "stored part";

}  // namespace

part_record::part_record(std::string_view frame) noexcept
{
    if (!take_frame(frame, selection_) || !take_frame(frame, asked_)) {
        *this = part_record();
    }
}

std::string part_index_key(std::string_view primary)
{
    std::string key(primary);
    append_secondary(key, index_mark, {}, false);
    return key;
}

std::string part_key(std::string_view primary, std::string_view selection, std::string_view asked)
{
    std::string key(primary);
    key.append(selection);
    append_secondary(key, part_mark, asked, true);
    return key;
}

part_records part_records_of(const entry& index) noexcept { return part_records(index.small_body()); }

bool append_part_record(std::string& out, std::string_view selection, std::string_view asked)
{
    std::string record;
    append_frame(record, selection);
    append_frame(record, asked);
    if (record.size() > most_record_bytes) {
        return false;
    }
    append_frame(out, record);
    return true;
}

}  // namespace tiercel
