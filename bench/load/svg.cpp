// Plots as inline SVG. Axes are chosen so that the ticks are round numbers.

#include "load/page.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

namespace tiercel::load {
namespace {

namespace json = boost::json;

constexpr double width = 500, height = 260, left = 58, right = 12, top = 12, bottom = 44;
constexpr std::array colours{"#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#999999", "#e69f00", "#000000"};

std::string number(double v)
{
    char out[40];
    std::snprintf(out, sizeof out, "%.4g", v);
    return out;
}

// From values to places between two ends of the picture.
struct axis {
    bool logarithmic = false;
    double low = 0, high = 1;       // of the values
    double from = 0, to = 1;        // in the picture

    double place(double v) const
    {
        const auto scaled = [this](double x) { return logarithmic ? std::log10(x) : x; };
        return from + (to - from) * (scaled(std::clamp(v, low, high)) - scaled(low)) / (scaled(high) - scaled(low));
    }

    std::vector<double> ticks() const
    {
        std::vector<double> out;
        if (logarithmic) {
            for (double t = std::pow(10, std::ceil(std::log10(low) - 1e-9)); t <= high * 1.0001; t *= 10) { out.push_back(t); }
            return out;
        }
        const double rough = (high - low) / 5;
        const double power = std::pow(10, std::floor(std::log10(rough)));
        const double step = power * (rough / power > 5 ? 10 : rough / power > 2 ? 5 : rough / power > 1 ? 2 : 1);
        for (double t = std::ceil(low / step) * step; t <= high * 1.0001; t += step) { out.push_back(t); }
        return out;
    }
};

struct curve {
    std::string name;
    std::vector<std::pair<double, double>> points;
};

// A share is drawn by how many nines it has.
double nines(double share) { return 1 / std::max(1 - share, 1e-9); }

std::vector<curve> curves_of(const json::object& plot, bool percentiles)
{
    std::vector<curve> out;
    for (const json::value& s : plot.at("series").as_array()) {
        curve c{.name = std::string(s.at("name").as_string()), .points = {}};
        for (const json::value& p : s.at("points").as_array()) {
            if (p.at(0).is_null() || p.at(1).is_null()) { continue; }
            const double x = p.at(0).to_number<double>();
            c.points.emplace_back(percentiles ? nines(x) : x, p.at(1).to_number<double>());
        }
        out.push_back(std::move(c));
    }
    return out;
}

axis fitting(const std::vector<curve>& curves, bool logarithmic, double std::pair<double, double>::*which, double from, double to)
{
    axis a{.logarithmic = logarithmic, .low = std::numeric_limits<double>::max(), .high = 0, .from = from, .to = to};
    for (const curve& c : curves) {
        for (const auto& p : c.points) {
            if (logarithmic && p.*which <= 0) { continue; }
            a.low = std::min(a.low, p.*which);
            a.high = std::max(a.high, p.*which);
        }
    }
    if (a.low > a.high) { return {.logarithmic = false, .low = 0, .high = 1, .from = from, .to = to}; }
    if (logarithmic) {
        a.low = std::pow(10, std::floor(std::log10(a.low)));
        a.high = std::pow(10, std::ceil(std::log10(a.high * 1.0001)));
    } else if (which == &std::pair<double, double>::second) {
        a.low = std::min(a.low, 0.0);
        a.high *= 1.05;
    }
    if (a.high <= a.low) { a.high = a.low + 1; }
    return a;
}

std::string line(double x1, double y1, double x2, double y2)
{
    return "<path d=\"M" + number(x1) + " " + number(y1) + "L" + number(x2) + " " + number(y2) + "\" stroke=\"currentColor\" stroke-opacity=\".15\"/>";
}

std::string label(double x, double y, const std::string& anchor, const std::string& text)
{
    return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + anchor + "\">" + escaped(text) + "</text>";
}

std::string x_tick(double t, bool percentiles)
{
    if (!percentiles) { return number(t); }
    if (t < 1.5) { return "0 %"; }
    char out[40];
    std::snprintf(out, sizeof out, "%.*f %%", std::max(0, static_cast<int>(std::lround(std::log10(t))) - 2), 100 - 100 / t);
    return out;
}

std::string path_of(const curve& c, const axis& x, const axis& y, bool steps)
{
    std::string d;
    double before = 0;
    for (const auto& [px, py] : c.points) {
        const double at = y.place(py);
        if (steps && !d.empty()) { d += "L" + number(x.place(px)) + " " + number(before); }
        d += (d.empty() ? "M" : "L") + number(x.place(px)) + " " + number(at);
        before = at;
    }
    return d;
}

std::string lines_of(const json::object& plot, const std::string& shape)
{
    const bool percentiles = shape == "percentiles";
    const std::vector<curve> curves = curves_of(plot, percentiles);
    const axis x = fitting(curves, percentiles, &std::pair<double, double>::first, left, width - right);
    const axis y = fitting(curves, plot.at("log_y").as_bool(), &std::pair<double, double>::second, height - bottom, top);
    std::string out;
    for (const double t : y.ticks()) { out += line(left, y.place(t), width - right, y.place(t)) + label(left - 5, y.place(t) + 4, "end", number(t)); }
    for (const double t : x.ticks()) {
        out += line(x.place(t), top, x.place(t), height - bottom) + label(x.place(t), height - bottom + 15, "middle", x_tick(t, percentiles));
    }
    double legend = left;
    for (std::size_t i = 0; i < curves.size(); ++i) {
        const std::string colour = colours[i % colours.size()];
        out += "<path d=\"" + path_of(curves[i], x, y, shape == "steps") + "\" fill=\"none\" stroke=\"" + colour + "\" stroke-width=\"1.6\"/>";
        out += "<rect x=\"" + number(legend) + "\" y=\"" + number(height - 16) + "\" width=\"10\" height=\"10\" fill=\"" + colour + "\"/>" +
               label(legend + 14, height - 7, "start", curves[i].name);
        legend += 30 + 6.2 * static_cast<double>(curves[i].name.size());
    }
    return out + label(width - right, height - bottom + 28, "end", std::string(plot.at("x").as_string()));
}

std::string bars_of(const json::object& plot)
{
    const std::vector<curve> curves = curves_of(plot, false);
    const axis x = fitting(curves, false, &std::pair<double, double>::second, left + 40, width - right - 40);
    const double step = (height - top - bottom) / static_cast<double>(std::max<std::size_t>(curves.size(), 1));
    std::string out;
    for (std::size_t i = 0; i < curves.size(); ++i) {
        const double at = top + step * static_cast<double>(i);
        const double value = curves[i].points.empty() ? 0 : curves[i].points.front().second;
        out += "<rect x=\"" + number(x.place(0)) + "\" y=\"" + number(at + step * 0.15) + "\" width=\"" + number(x.place(value) - x.place(0)) +
               "\" height=\"" + number(step * 0.7) + "\" fill=\"" + colours[i % colours.size()] + "\"/>" +
               label(x.place(0) - 5, at + step * 0.5 + 4, "end", curves[i].name) +
               label(x.place(value) + 5, at + step * 0.5 + 4, "start", number(value));
    }
    return out + label(width - right, height - bottom + 28, "end", std::string(plot.at("x").as_string()));
}

}  // namespace

std::string svg_of(const json::object& plot)
{
    const std::string shape(plot.at("shape").as_string());
    const std::string unit(plot.at("y").as_string());
    const std::string title = std::string(plot.at("title").as_string()) + (unit.empty() ? "" : ", " + unit);
    return "<figure><figcaption>" + escaped(title) + "</figcaption><svg viewBox=\"0 0 " + number(width) + " " + number(height) + "\" width=\"" +
           number(width) + "\" height=\"" + number(height) + "\" role=\"img\" aria-label=\"" + escaped(title) + "\">" +
           (shape == "bars" ? bars_of(plot) : lines_of(plot, shape)) + "</svg></figure>";
}

}  // namespace tiercel::load
