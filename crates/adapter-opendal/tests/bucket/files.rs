//! The service's storage: s3s-fs, with what it lacks. Knows nothing of sockets.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput, CopySource,
    CreateBucketInput, CreateBucketOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput,
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, GetObjectInput,
    GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput,
    ListMultipartUploadsInput, ListMultipartUploadsOutput, ListObjectsV2Input, ListObjectsV2Output,
    ListPartsInput, ListPartsOutput, MultipartUpload, Object, PutObjectInput, PutObjectOutput,
    Timestamp, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3, S3Request, S3Response, S3Result};
use s3s_fs::FileSystem;
use tokio::sync::RwLock;

/// From which length on keys are kept under shorter names: s3s-fs has a file beside each object
/// whose name is the key in base64, and a name has at most 255 bytes.
const LONG_KEY: usize = 120;

/// s3s-fs that takes keys of any length, lists multipart uploads, a page of two at a time, walks its
/// folder once per listing and not once per page, and does not fail to list because a file goes
/// meanwhile, as no service does. It ends uploads even where whoever asked for that has gone. It takes
/// any storage class and makes nothing of it.
pub(crate) struct Files {
    inner: Arc<FileSystem>,
    long_keys: Mutex<HashMap<String, String>>,
    uploads: Mutex<HashMap<String, (String, Timestamp)>>,
    /// What the next pages of listings have, by the tokens that ask for them.
    pages: Mutex<HashMap<String, Vec<Object>>>,
    /// Held alone by who lists, together by who changes what is listed.
    listed: RwLock<()>,
}

impl Files {
    pub(crate) fn new(inner: FileSystem) -> Self {
        Self {
            inner: Arc::new(inner),
            long_keys: Mutex::default(),
            uploads: Mutex::default(),
            pages: Mutex::default(),
            listed: RwLock::default(),
        }
    }

    /// Under which name a key is kept: its first folders, and a hash of it.
    fn name(&self, key: &str) -> String {
        if key.len() <= LONG_KEY {
            return key.to_owned();
        }
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let folders = key[..60]
            .rsplit_once('/')
            .map_or("", |(folders, _)| folders);
        let name = format!("{folders}/~{:016x}", hasher.finish());
        let mut long_keys = self.long_keys.lock().unwrap();
        long_keys.insert(name.clone(), key.to_owned());
        name
    }

    fn key(&self, name: String) -> String {
        let long_keys = self.long_keys.lock().unwrap();
        long_keys.get(&name).cloned().unwrap_or(name)
    }

    /// The source of a copy, by the name under which it is kept.
    fn source(&self, source: CopySource) -> CopySource {
        match source {
            CopySource::Bucket {
                bucket,
                key,
                version_id,
            } => CopySource::Bucket {
                bucket,
                key: self.name(&key).into(),
                version_id,
            },
            other => other,
        }
    }

    /// Everything that a listing has.
    async fn walk(
        &self,
        mut request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        request.input.max_keys = Some(i32::MAX);
        let _listing = self.listed.write().await;
        let mut listed = self.inner.list_objects_v2(request).await?;
        for object in listed.output.contents.iter_mut().flatten() {
            object.key = object.key.take().map(|name| self.key(name));
        }
        Ok(listed)
    }

    fn ended(&self, upload_id: &str) {
        self.uploads.lock().unwrap().remove(upload_id);
    }
}

/// How many uploads a page of their listing has.
const PAGE: usize = 2;

#[async_trait::async_trait]
impl S3 for Files {
    async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        self.inner.create_bucket(request).await
    }

    async fn get_object(
        &self,
        mut request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        request.input.key = self.name(&request.input.key);
        self.inner.get_object(request).await
    }

    async fn head_object(
        &self,
        mut request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        request.input.key = self.name(&request.input.key);
        self.inner.head_object(request).await
    }

    async fn put_object(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        request.input.key = self.name(&request.input.key);
        let _changing = self.listed.read().await;
        self.inner.put_object(request).await
    }

    async fn copy_object(
        &self,
        mut request: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        request.input.key = self.name(&request.input.key);
        request.input.copy_source = self.source(request.input.copy_source);
        let _changing = self.listed.read().await;
        self.inner.copy_object(request).await
    }

    async fn upload_part_copy(
        &self,
        mut request: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        request.input.key = self.name(&request.input.key);
        request.input.copy_source = self.source(request.input.copy_source);
        self.inner.upload_part_copy(request).await
    }

    async fn delete_object(
        &self,
        mut request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        request.input.key = self.name(&request.input.key);
        let _changing = self.listed.read().await;
        self.inner.delete_object(request).await
    }

    async fn upload_part(
        &self,
        mut request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        request.input.key = self.name(&request.input.key);
        self.inner.upload_part(request).await
    }

    async fn list_parts(
        &self,
        mut request: S3Request<ListPartsInput>,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        request.input.key = self.name(&request.input.key);
        self.inner.list_parts(request).await
    }

    async fn complete_multipart_upload(
        &self,
        mut request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        request.input.key = self.name(&request.input.key);
        self.ended(&request.input.upload_id);
        let _changing = self.listed.read().await;
        let inner = Arc::clone(&self.inner);
        let completed = tokio::spawn(async move { inner.complete_multipart_upload(request).await });
        completed.await.unwrap()
    }

    async fn abort_multipart_upload(
        &self,
        mut request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        request.input.key = self.name(&request.input.key);
        self.ended(&request.input.upload_id);
        let inner = Arc::clone(&self.inner);
        let aborted = tokio::spawn(async move { inner.abort_multipart_upload(request).await });
        aborted.await.unwrap()
    }

    async fn create_multipart_upload(
        &self,
        mut request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let key = request.input.key.clone();
        request.input.key = self.name(&key);
        let created = self.inner.create_multipart_upload(request).await?;
        let id = created.output.upload_id.clone().unwrap();
        let begun = (key, Timestamp::from(SystemTime::now()));
        self.uploads.lock().unwrap().insert(id, begun);
        Ok(created)
    }

    async fn delete_objects(
        &self,
        mut request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        for object in &mut request.input.delete.objects {
            object.key = self.name(&object.key);
        }
        let _changing = self.listed.read().await;
        self.inner.delete_objects(request).await
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.inner.head_bucket(request).await
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let most = request.input.max_keys.unwrap_or(1000);
        let most = usize::try_from(most).unwrap_or(1000);
        let token = request.input.continuation_token.clone();
        let next = token.and_then(|token| self.pages.lock().unwrap().remove(&token));
        let mut listed = match next {
            Some(next) => S3Response::new(ListObjectsV2Output {
                contents: Some(next),
                ..ListObjectsV2Output::default()
            }),
            None => self.walk(request).await?,
        };
        let page = listed.output.contents.get_or_insert_default();
        let rest = page.split_off(most.min(page.len()));
        let last = page.last().and_then(|object| object.key.clone());
        listed.output.key_count = i32::try_from(page.len()).ok();
        listed.output.is_truncated = Some(!rest.is_empty());
        listed.output.next_continuation_token = last.filter(|_| !rest.is_empty()).map(|key| {
            let mut pages = self.pages.lock().unwrap();
            let token = format!("{key} {}", pages.len());
            pages.insert(token.clone(), rest);
            token
        });
        Ok(listed)
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let ListMultipartUploadsInput {
            prefix,
            key_marker,
            upload_id_marker,
            ..
        } = request.input;
        let uploads = self.uploads.lock().unwrap().clone();
        let after = (
            key_marker.unwrap_or_default(),
            upload_id_marker.unwrap_or_default(),
        );
        let mut all: Vec<_> = uploads
            .into_iter()
            .map(|(id, (key, initiated))| ((key, id), initiated))
            .filter(|((key, _), _)| key.starts_with(prefix.as_deref().unwrap_or_default()))
            .filter(|(place, _)| *place > after)
            .collect();
        all.sort();
        let is_truncated = all.len() > PAGE;
        all.truncate(PAGE);
        let last = all.last().map(|(place, _)| place.clone()).unzip();
        let uploads = all
            .into_iter()
            .map(|((key, id), initiated)| MultipartUpload {
                key: Some(key),
                upload_id: Some(id),
                initiated: Some(initiated),
                ..MultipartUpload::default()
            });
        Ok(S3Response::new(ListMultipartUploadsOutput {
            uploads: Some(uploads.collect()),
            is_truncated: Some(is_truncated),
            next_key_marker: last.0.filter(|_| is_truncated),
            next_upload_id_marker: last.1.filter(|_| is_truncated),
            ..ListMultipartUploadsOutput::default()
        }))
    }
}
