//! The supported data model as the engine sees it: the lists of Objects, Settings and Commands as one tree.

use line3_proto::row;
use line3_proto::row::Field;
use line3_proto::sorted::Map;

use crate::commands::CommandDef;
use crate::objects::ObjectDef;
use crate::settings::SettingDef;

/// The table of what this box cannot tell. The engine makes it from all other objects.
pub(crate) const ABSENT: &str = "Device.X_LINE3_Absent.{i}.";

row! {
    /// A row of [`ABSENT`].
    pub(crate) struct AbsentRow {
        /// The path of the parameter, or of the object, that has no value.
        Path: String,
        /// Why.
        Reason: String,
    }
}

/// Where an object's values come from.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    /// From the box.
    Object(&'static ObjectDef),
    /// From the agent's settings.
    Setting(&'static SettingDef),
    /// From all the others.
    Absent,
    /// It has none; something below it has.
    Bare,
}

/// An event that the agent can tell.
pub(crate) struct EventDef {
    /// Its path in the supported data model, ending in `!`.
    pub(crate) path: &'static str,
    /// When it happens.
    pub(crate) doc: &'static str,
    /// Its arguments.
    pub(crate) fields: &'static [Field],
}

/// An object of the supported data model.
pub(crate) struct Node {
    pub(crate) source: Source,
    pub(crate) commands: Vec<&'static CommandDef>,
    pub(crate) events: Vec<&'static EventDef>,
}

impl Node {
    fn new(source: Source) -> Self {
        Self { source, commands: Vec::new(), events: Vec::new() }
    }

    /// What it is.
    pub(crate) fn doc(&self) -> &'static str {
        match self.source {
            Source::Object(def) => def.doc,
            Source::Setting(def) => def.doc,
            Source::Absent => "What this box cannot tell, and why.",
            Source::Bare => "",
        }
    }

    /// Its parameters.
    pub(crate) fn fields(&self) -> &'static [Field] {
        match self.source {
            Source::Object(def) => def.fields,
            Source::Setting(def) => def.fields,
            Source::Absent => <AbsentRow as row::Row>::FIELDS,
            Source::Bare => &[],
        }
    }

    /// Its unique keys.
    pub(crate) fn keys(&self) -> &'static [&'static [&'static str]] {
        match self.source {
            Source::Object(def) => def.keys,
            Source::Setting(def) => def.keys,
            Source::Absent => &[&["Path"]],
            Source::Bare => &[],
        }
    }
}

/// The supported data model: every object by its path with `{i}`.
pub(crate) struct Model {
    pub(crate) nodes: Map<&'static str, Node>,
}

impl Model {
    /// The tree of these lists.
    pub(crate) fn new(
        objects: &'static [ObjectDef],
        settings: &'static [SettingDef],
        commands: impl IntoIterator<Item = &'static CommandDef>,
        events: &'static [EventDef],
    ) -> Self {
        let bare = || Node::new(Source::Bare);
        let mut nodes = Map::new();
        nodes.insert(ABSENT, Node::new(Source::Absent));
        nodes.extend(objects.iter().map(|def| (def.path, Node::new(Source::Object(def)))));
        nodes.extend(settings.iter().map(|def| (def.path, Node::new(Source::Setting(def)))));
        for command in commands {
            nodes.or_insert_with(parent(command.path), bare).commands.push(command);
        }
        for event in events {
            nodes.or_insert_with(parent(event.path), bare).events.push(event);
        }
        // Every level above something that is there is there too, tables without their `{i}` excepted.
        let paths: Vec<&'static str> = nodes.keys().copied().collect();
        for path in paths {
            let mut above = path;
            while let Some((rest, last)) = above.trim_end_matches('.').rsplit_once('.') {
                above = above.get(..=rest.len()).unwrap_or("");
                if last != "{i}" {
                    nodes.or_insert_with(above, bare);
                }
            }
        }
        Self { nodes }
    }

    /// The same template, if an object of it, or anything below it, is supported. A table without its `{i}` counts.
    pub(crate) fn prefix(&self, template: &str) -> Option<&'static str> {
        let (path, _) = self.nodes.from(template).next()?;
        path.get(..template.len()).filter(|prefix| *prefix == template)
    }

    /// A parameter of the object of this template.
    pub(crate) fn field(&self, template: &str, name: &str) -> Option<&'static Field> {
        self.nodes.get(template)?.fields().iter().find(|field| field.name == name)
    }

    /// All objects at and below a template.
    pub(crate) fn below<'a>(&'a self, template: &'a str) -> impl Iterator<Item = (&'static str, &'a Node)> {
        self.nodes.from(template).take_while(move |(path, _)| path.starts_with(template)).map(|(path, node)| (*path, node))
    }

    /// The command of this template.
    pub(crate) fn command(&self, template: &str) -> Option<&'static CommandDef> {
        self.nodes.get(parent(template))?.commands.iter().find(|command| command.path == template).copied()
    }
}

/// The object that a parameter, command or event is in.
pub(crate) fn parent(path: &str) -> &str {
    path.rfind('.').and_then(|dot| path.get(..=dot)).unwrap_or("")
}
