//! Catalogues that come before their boxes: a firmware team hands over the one of its build.

use line3_proto::Effect;
use line3_proto::catalogue::{Catalogue, digest};

use super::{Desk, DeskError};
use crate::audit::{Actor, Describe, Reason, Scope};
use crate::clock::wall;
use crate::views::CatalogueView;

impl Desk {
    /// Keeps the catalogue of a firmware under its digest: the first box that tells this digest need not be asked what it can do.
    /// `text` is what `line3-agent --catalogue` printed.
    ///
    /// # Errors
    /// It is no catalogue, too many are kept, or the role does not allow it: it is for all boxes of a firmware.
    pub async fn keep_catalogue(&self, actor: &Actor, reason: &str, text: &str) -> Result<CatalogueView, DeskError> {
        let reason = Reason::parse(reason)?;
        // The digest is that of the text without the line's end after it.
        let json = text.trim_end().to_owned();
        let catalogue: Catalogue = serde_json::from_str(&json)
            .map_err(|error| DeskError::Text(format!("this is no catalogue as `line3-agent --catalogue` prints it: {error}")))?;
        let Catalogue { objects, commands, events } = &catalogue;
        if objects.is_empty() {
            return Err(DeskError::Text("this catalogue has no objects; no firmware has none".to_owned()));
        }
        let view =
            CatalogueView { digest: digest(json.as_bytes()), objects: objects.len(), commands: commands.len(), events: events.len() };
        let (at, actor, digest) = (wall(), actor.clone(), view.digest.clone());
        self.keeper
            .run(move |kept| -> Result<_, DeskError> {
                kept.audit.admit(&mut *kept.store, at, &actor, reason, Load(digest.clone()))?;
                Ok(kept.store.put_catalogue(&digest, json.as_bytes())?)
            })
            .await??;
        Ok(view)
    }
}

/// A catalogue of this digest is kept.
struct Load(String);

impl Describe for Load {
    fn call_id(&self) -> &str {
        ""
    }
    fn effect(&self) -> Option<Effect> {
        Some(Effect::Read)
    }
    fn scope(&self) -> Scope {
        Scope::Fleet("a firmware".to_owned())
    }
    fn words(&self) -> String {
        format!("keep the catalogue {}", self.0)
    }
}
