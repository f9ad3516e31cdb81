{{- define "podium.bootstrapServers" -}}
{{- if .Values.dev.kafka.enabled -}}
{{ include "podium.fullname" . }}-dev-kafka.{{ .Release.Namespace }}.svc:9092
{{- else -}}
{{ .Values.kafka.bootstrapServers }}
{{- end }}
{{- end }}

{{- define "podium.storeEndpoint" -}}
{{- if .Values.dev.objectStore.enabled -}}
http://{{ include "podium.fullname" . }}-dev-s3.{{ .Release.Namespace }}.svc:8080
{{- else -}}
{{ .Values.objectStore.endpoint }}
{{- end }}
{{- end }}

{{- define "podium.storeSecret" -}}
{{- if .Values.dev.objectStore.enabled -}}
{{ include "podium.fullname" . }}-dev-s3
{{- else -}}
{{ .Values.objectStore.existingSecret }}
{{- end }}
{{- end }}

{{- /* What services, drivers and executors are told of Kafka and the store; nothing of it is secret. */}}
{{- define "podium.connections" -}}
PODIUM_KAFKA__BOOTSTRAP_SERVERS: {{ include "podium.bootstrapServers" . | quote }}
{{- with .Values.kafka }}
PODIUM_KAFKA__SECURITY_PROTOCOL: {{ .securityProtocol }}
PODIUM_KAFKA__EVENTS_PARTITIONS: {{ .eventsPartitions | quote }}
PODIUM_KAFKA__REPLICATION: {{ .replication | quote }}
{{- if hasPrefix "SASL" .securityProtocol }}
PODIUM_KAFKA__SASL_MECHANISM: {{ .sasl.mechanism }}
PODIUM_KAFKA__SASL_USERNAME: {{ .sasl.username | quote }}
PODIUM_KAFKA__SASL_PASSWORD_FILE: /etc/podium/kafka-sasl/{{ .sasl.passwordKey }}
{{- end }}
{{- if .ssl.caSecret }}
PODIUM_KAFKA__SSL_CA_FILE: /etc/podium/kafka-ca/{{ .ssl.caKey }}
{{- end }}
{{- if .ssl.clientSecret }}
PODIUM_KAFKA__SSL_CERTIFICATE_FILE: /etc/podium/kafka-client/{{ .ssl.certificateKey }}
PODIUM_KAFKA__SSL_KEY_FILE: /etc/podium/kafka-client/{{ .ssl.keyKey }}
{{- end }}
{{- end }}
{{- with include "podium.storeEndpoint" . }}
AWS_ENDPOINT_URL: {{ . | quote }}
{{- end }}
{{- with .Values.objectStore }}
AWS_REGION: {{ .region }}
AWS_ALLOW_HTTP: {{ or .allowHttp $.Values.dev.objectStore.enabled | quote }}
AWS_VIRTUAL_HOSTED_STYLE_REQUEST: {{ .virtualHostedStyle | quote }}
{{- if .caSecret }}
SSL_CERT_FILE: /etc/podium/store-ca/{{ .caKey }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The Secrets that are files of services and drivers, as the operator's settings have them: a JSON list. */}}
{{- define "podium.secretFiles" -}}
{{- $files := list }}
{{- with .Values.kafka }}
{{- if hasPrefix "SASL" .securityProtocol }}
{{- $files = append $files (dict "secret" .sasl.existingSecret "folder" "/etc/podium/kafka-sasl") }}
{{- end }}
{{- with .ssl.caSecret }}
{{- $files = append $files (dict "secret" . "folder" "/etc/podium/kafka-ca") }}
{{- end }}
{{- with .ssl.clientSecret }}
{{- $files = append $files (dict "secret" . "folder" "/etc/podium/kafka-client") }}
{{- end }}
{{- end }}
{{- with .Values.objectStore.caSecret }}
{{- $files = append $files (dict "secret" . "folder" "/etc/podium/store-ca" "executors" true) }}
{{- end }}
{{- toJson $files }}
{{- end }}
