#include "flow/request.hpp"

#include <functional>

namespace tiercel::flow {

kept_request::kept_request(const request& original)
    : raw_(original.raw), host_(original.target.host), path_(original.target.path), query_(original.query),
      tenant_(original.tenant), key_(original.key), id_(original.id), from_(*original.from), view_(original)
{
    const auto moved = [&](std::string_view v) {
        const std::less_equal<const char*> is_not_behind;
        const char* const begin = original.raw.data();
        if (is_not_behind(begin, v.data()) && is_not_behind(v.data() + v.size(), begin + original.raw.size())) {
            return std::string_view(raw_).substr(static_cast<std::size_t>(v.data() - begin), v.size());
        }
        return std::string_view(composed_.emplace_back(v));
    };
    fields_.reserve(original.head.fields.size());
    for (const field& f : original.head.fields) {
        fields_.push_back({moved(f.name), moved(f.value), f.id});
    }
    view_.raw = raw_;
    view_.head.fields = fields_;
    view_.head.target = moved(original.head.target);
    view_.target.host = host_;
    view_.target.path = path_;
    view_.target.query = query_;
    view_.target.scheme = {};
    view_.query = query_;
    view_.tenant = tenant_;
    view_.key = key_;
    view_.resource = view_.key.substr(0, original.resource.size());
    view_.id = id_;
    view_.upgrade = {};
    view_.own_authority = {};
    view_.from = &from_;
    view_.head.verb = method::get;   // only GET fills (RFC 9110 §9.3.2)
    view_.head.verb_text = "GET";
}

}  // namespace tiercel::flow
