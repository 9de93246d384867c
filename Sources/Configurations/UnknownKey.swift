/// Explains a key that Shoal does not have: another tool's spelling, another section's key, or a slip.
enum UnknownKey {
    /// What to say about `name` found in `section` with `value`.
    static func explain(_ name: String, value: ConfigurationNode, section: String?)
        -> (code: ConfigurationError.Code, path: String, message: String)
    {
        let path = section.map { "\($0).\(name)" } ?? name
        // A key of another section is the surest reading: `learning_rate` at top level, `data.base`.
        let homes = ConfigurationSchema.keys.filter { $0.name == name }
        if !homes.isEmpty {
            let lines = homes.map { writeLine($0.path, $0.section, value.flow) }.joined(separator: ", or ")
            return (
                .foreignKey, path,
                "`\(path)` is `\(homes.map(\.path).joined(separator: "` or `"))` in Shoal; \(lines)"
            )
        }
        if let foreign = ForeignSpelling.named(name) {
            return (.foreignKey, path, "`\(path)` (\(foreign.origin)) \(foreign.advice(for: value))")
        }
        return (.unknownKey, path, "unknown key `\(path)`\(suggestion(name, section: section))")
    }

    /// `write …` for one key.
    static func writeLine(_ path: String, _ section: String?, _ value: String) -> String {
        let name = path.split(separator: ".").last.map(String.init) ?? path
        return section.map { "write `\(name): \(value)` under `\($0):`" }
            ?? "write `\(name): \(value)` at top level"
    }

    private static func suggestion(_ name: String, section: String?) -> String {
        if let section, !ConfigurationSchema.isSection(section) {
            let nearest = NearestName.nearest(to: section, in: ConfigurationSchema.sections.map(\.name))
            let names = ConfigurationSchema.sections.map(\.name).joined(separator: ", ")
            return nearest.map { "; did you mean the section `\($0)`?" } ?? "; the sections are \(names)"
        }
        let near = ConfigurationSchema.keys.filter { $0.section == section }.map(\.name)
        let here = section == nil ? near + ConfigurationSchema.sections.map(\.name) : near
        if let nearest = NearestName.nearest(to: name, in: here) {
            return "; did you mean `\(section.map { "\($0).\(nearest)" } ?? nearest)`?"
        }
        let elsewhere = ConfigurationSchema.keys
        if let nearest = NearestName.nearest(to: name, in: elsewhere.map(\.name)),
            let key = elsewhere.first(where: { $0.name == nearest })
        {
            return "; did you mean `\(key.path)`?"
        }
        return "; \(section.map { "`\($0)` has" } ?? "the top level has") \(here.joined(separator: ", "))"
    }
}
