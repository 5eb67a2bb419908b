//! What doctors have left in the bucket that were killed: objects and uploads below their folder that
//! are older than any that runs. Knows no checks but its own.

use artifact_domain::{Check, Result, Timestamp};
use http::{Method, StatusCode};
use serde::Deserialize;

use super::super::raw::is_unsupported;
use super::super::uploads::{instant, parsed};
use super::S3Doctor;
use crate::remote::examination;

impl S3Doctor {
    /// Takes away what killed doctors have left, a page of each kind.
    pub(super) async fn leftovers(&self, now: Timestamp) -> Result<Vec<Check>> {
        let before = examination::left_before(now);
        let prefix = format!("{}{}", self.root, examination::FOLDER);
        let mut count = 0;
        let query = [("list-type", "2"), ("prefix", prefix.as_str())];
        let doing = "list what doctors have left";
        let answer = self.must(doing, Method::GET, None, &query, &[], "").await?;
        let page: ObjectPage = parsed(doing, &answer)?;
        for object in page.contents {
            let is_ours = examination::is_of_a_doctor(&object.key, &self.root);
            if is_ours && instant(&object.last_modified)? < before {
                self.take_away(&object.key, &[]).await?;
                count += 1;
            }
        }
        let query = [("uploads", ""), ("prefix", prefix.as_str())];
        let doing = "list uploads that doctors have left";
        let answer = self.ask(doing, Method::GET, None, &query, &[], "").await?;
        if !is_unsupported(&answer) {
            let page: UploadPage = parsed(doing, &answer)?;
            for upload in page.uploads {
                let is_ours = examination::is_of_a_doctor(&upload.key, &self.root);
                if is_ours && instant(&upload.initiated)? < before {
                    let query = [("uploadId", upload.id.as_str())];
                    self.take_away(&upload.key, &query).await?;
                    count += 1;
                }
            }
        }
        Ok(examination::taken_away(count))
    }

    async fn take_away(&self, key: &str, query: &[(&'static str, &str)]) -> Result<()> {
        let doing = format!("delete `{key}`");
        let answer = self
            .ask(&doing, Method::DELETE, Some(key), query, &[], "")
            .await?;
        if answer.status.is_success() || answer.status == StatusCode::NOT_FOUND {
            return Ok(());
        }
        Err(answer.error(doing))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ObjectPage {
    #[serde(default)]
    contents: Vec<Object>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Object {
    key: String,
    last_modified: String,
}

#[derive(Deserialize)]
struct UploadPage {
    #[serde(rename = "Upload", default)]
    uploads: Vec<Upload>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Upload {
    key: String,
    #[serde(rename = "UploadId")]
    id: String,
    initiated: String,
}
